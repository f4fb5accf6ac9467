"""Pages of catalogues: settings, prices, what follows, runs."""
