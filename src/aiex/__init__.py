"""An AI assistant server that runs itself as a cluster."""
