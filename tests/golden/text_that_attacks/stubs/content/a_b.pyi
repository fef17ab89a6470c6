c: object
