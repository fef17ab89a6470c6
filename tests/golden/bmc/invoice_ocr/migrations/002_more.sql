ALTER TABLE inv_ocr_pages ADD COLUMN text;
