from .lead import Lead, lead_tag
