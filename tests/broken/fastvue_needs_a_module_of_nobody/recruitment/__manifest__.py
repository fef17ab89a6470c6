{
    "name": "Recruitment",
    "version": "1.0",
    "depends": ["base", "quiz"],
}
