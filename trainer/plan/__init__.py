"""What training and serving will take, computed from points that were measured."""
