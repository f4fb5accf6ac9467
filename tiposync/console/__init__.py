"""All that operators touch: pages and commands. App labels of models stay those of their apps."""
