CREATE TYPE "Binding" AS ENUM ('PAPER', 'hard-cover', '3d');
CREATE TYPE page_side AS ENUM ('left', 'right');
COMMENT ON TYPE page_side IS 'Which side of an open book, as the reader holds it.';
CREATE DOMAIN isbn AS text CHECK (length(VALUE) = 13);

CREATE TABLE authors (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  born date,
  site uuid
);
COMMENT ON TABLE authors IS 'People who "write"';
COMMENT ON COLUMN authors.name IS 'As it stands on the cover: "O''Neill", or with a \ in it.';
COMMENT ON COLUMN authors.born IS 'Day of birth, if it is known; a comment as long as this one does not fit on a single line of Python, nor on the one below it.';

CREATE TABLE books (
  isbn isbn PRIMARY KEY,
  author_id bigint NOT NULL REFERENCES authors,
  title varchar(200) NOT NULL,
  binding "Binding" NOT NULL DEFAULT 'PAPER',
  tags text[],
  notes text[] NOT NULL DEFAULT '{}',
  pages int[],
  price numeric(8, 2) NOT NULL,
  weight real,
  data jsonb NOT NULL DEFAULT '{}',
  cover bytea,
  read_for interval,
  opens time,
  added timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN books.tags IS 'A comment of just the length that it has its own line, though it will not fit beside the name.';

CREATE SEQUENCE numbers;
