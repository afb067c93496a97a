"""Rules about trainings that lose what they have learned."""
