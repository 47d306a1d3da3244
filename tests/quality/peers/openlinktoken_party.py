"""openlinktoken's tokens of each record: JSON lines in, JSON lines out. Runs in the peer's own environment.

    python openlinktoken_party.py in.jsonl out.jsonl     prints its version and how many tokens stood for "rule not met"

One input line is {"id": ..., field: text}, one output line {"id": ..., "tokens": {rule: token}}. Its rules T1 to T5
give a constant where a field is missing or not valid; such a token says nothing and is left out here.
"""

import json
import logging
import sys
from importlib.metadata import version

from openlinktoken.tokens.token import Token
from openlinktoken.tokens.token_definition import TokenDefinition
from openlinktoken.tokens.token_generator import TokenGenerator
from openlinktoken.tokentransformer.hash_token_transformer import HashTokenTransformer

FIELDS = {
    "given_name": "FirstName",
    "family_name": "LastName",
    "sex": "Sex",
    "birth_date": "BirthDate",
    "postcode": "PostalCode",
    "id_number": "SocialSecurityNumber",
}
"""Our field -> theirs."""

SECRET = "both sides use the same secret"


def main(source: str, target: str) -> None:
    logging.disable(logging.CRITICAL)
    generator = TokenGenerator.from_transformers(TokenDefinition(), [HashTokenTransformer(SECRET)])
    unmet = 0
    with open(source, encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for line in lines:
            row = json.loads(line)
            found = generator.get_all_tokens_via_field_id(
                {theirs: row[ours] for ours, theirs in FIELDS.items() if row.get(ours)}
            )
            empty = {
                rule
                for rule, token in found.tokens.items()
                if rule in found.blank_tokens_by_rule or token == Token.BLANK
            }
            unmet += len(empty)
            kept = {rule: token for rule, token in found.tokens.items() if rule not in empty}
            out.write(json.dumps({"id": row["id"], "tokens": kept}) + "\n")
    print(json.dumps({"version": version("openlinktoken"), "unmet": unmet}))


if __name__ == "__main__":
    main(*sys.argv[1:])
