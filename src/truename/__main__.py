"""`python -m truename`: the command by another name."""

from truename_command import main

if __name__ == "__main__":
    main()
