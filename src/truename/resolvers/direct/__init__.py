"""The resolver `direct`: a small client of our own for trackers and metadata. See `resolver.py`."""
