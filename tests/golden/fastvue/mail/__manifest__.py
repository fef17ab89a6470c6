{"name": "Mail", "version": "1.1", "auto_install": True}
