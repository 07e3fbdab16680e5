"""Measurements that stay in the repository: one table a file, peers in the same run. Not tests."""
