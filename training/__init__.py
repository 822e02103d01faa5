"""Makes weights: data, synthesis, targets, recipes, evaluation."""
