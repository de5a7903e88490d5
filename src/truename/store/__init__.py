"""What is kept: the database, its one writer, and the queries by topic. Knows no queue, no resolver, no web."""
