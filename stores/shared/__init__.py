"""What all workers of all machines share in the database, and how it is asked for again and again."""
