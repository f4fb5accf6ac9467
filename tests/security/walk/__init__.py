"""Every address of the site, as everybody asks it."""
