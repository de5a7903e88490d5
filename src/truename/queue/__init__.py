"""Engines that bring look-ups to workers and their reports back. They know neither people nor results of old."""
