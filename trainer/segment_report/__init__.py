"""What a person looks at to judge segments: a list, how each came to be, and a report with plots."""
