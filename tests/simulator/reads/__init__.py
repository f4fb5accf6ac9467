"""What queries answer, with paging and search."""
