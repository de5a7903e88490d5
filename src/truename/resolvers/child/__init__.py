"""The swarm in a process of its own: what crashes, hangs or eats memory there costs this process no look-up.

`resolver` is the port's side, in the program; `main` is the other side. Between them `wire` carries the messages of
`messages` in the frames of `frames`.
"""
