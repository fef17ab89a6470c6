{"name": "CRM", "version": "7"}
