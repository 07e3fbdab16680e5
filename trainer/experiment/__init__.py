"""The paper's comparison on anybody's data: a grid of systems, byte budgets and seeds, its table and its plots."""
