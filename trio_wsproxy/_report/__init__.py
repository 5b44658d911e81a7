"""What a connection did and found: stages, evidence, certificates, the dial report."""
