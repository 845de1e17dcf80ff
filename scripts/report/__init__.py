"""Pictures, tables and pages that the scripts leave."""
