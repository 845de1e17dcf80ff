"""The parts that the experiments share: data, networks, training, evaluation."""
