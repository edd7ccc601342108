-- ALTER TABLE, Notes: "As an exception ... if the USING clause does not change the column contents and the old type is
-- either binary coercible to the new type or an unconstrained domain over the new type, a table rewrite is not needed."
-- locks: books ACCESS EXCLUSIVE
ALTER TABLE books ALTER COLUMN code TYPE text;
