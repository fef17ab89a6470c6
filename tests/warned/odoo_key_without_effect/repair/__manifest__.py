{
    "name": "Repair",
    "version": "1.0.0",
    "depends": ["base"],
    "conflicts": ["repair_discount"],
    "depends_if_installed": ["crm"],
    "uninstall_hook": False,
    "company": "Somebody",
}
