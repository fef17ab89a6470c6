router: object
