"""Gives every magnet link its true name."""
