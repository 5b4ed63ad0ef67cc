"""A whole cohort on one device: environments, replay and learner, without a look from the host in between."""
