"""What we can do, and what we need from the world to do it."""
