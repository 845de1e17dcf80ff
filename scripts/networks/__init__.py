"""The networks of the cfg folder that a script writes."""
