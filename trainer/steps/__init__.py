"""One step of training: the loss of a batch, its gradient and the optimiser's move. Three ways, one result."""
