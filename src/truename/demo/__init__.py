"""A whole swarm on loopback: peers that serve metadata only, an HTTP tracker, and on request a small DHT."""
