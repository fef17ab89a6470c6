def post_init(environment):
    return None
