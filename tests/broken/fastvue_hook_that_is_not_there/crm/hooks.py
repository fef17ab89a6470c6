def post_init():
    pass
