"""The resolver `qbittorrent`: the person's own client is asked over its Web API. `resolver.py` is where to begin."""
