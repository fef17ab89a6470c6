DROP TABLE cards_cards;
