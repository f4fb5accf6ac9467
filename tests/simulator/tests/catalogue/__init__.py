"""Products, media, collections and content of the simulator, over HTTP."""
