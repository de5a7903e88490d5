"""The web application: outer wall, pages, API. Knows the store and the heart, no queue and no resolver."""
