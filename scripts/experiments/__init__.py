"""The parts of an experiment: data, networks, training, evaluation."""
