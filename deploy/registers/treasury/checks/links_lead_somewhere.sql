-- Every posting belongs to a transaction and an account, every transaction to a day.
SELECT (SELECT count(*) FROM treasury.posting p
        WHERE NOT EXISTS (SELECT FROM treasury.ledger_transaction t WHERE t.id = p.transaction_id)
           OR NOT EXISTS (SELECT FROM treasury.account a WHERE a.id = p.account_id))
     + (SELECT count(*) FROM treasury.ledger_transaction t
        WHERE NOT EXISTS (SELECT FROM treasury.business_day d WHERE d.day = t.day))
