{"name": "CRM", "version": "1.0"}
