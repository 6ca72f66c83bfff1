"""What must stay flat as a shop grows: ``make bench-scaling``."""
