"""Ways to a name. Each is an engine behind the port in `base.py`; they do not know one another."""
