"""The shop's orders service, over HTTP and in memory."""
