ALTER TABLE inv_ocr_pages DROP COLUMN text;
