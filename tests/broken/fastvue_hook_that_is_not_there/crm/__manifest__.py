{
    "name": "Crm",
    "version": "1.0",
    "post_init_hook": "hooks.post_intl",
}
