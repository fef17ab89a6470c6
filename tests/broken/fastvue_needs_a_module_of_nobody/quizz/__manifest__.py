{
    "name": "Quizz",
    "version": "1.0",
}
