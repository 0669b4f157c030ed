add_unit_test(base64url LIBS postern_auth_rules)
add_unit_test(grant LIBS postern_auth_rules)
add_unit_test(keyring SOURCES unit/forge.c LIBS postern_auth_rules)
add_unit_test(token SOURCES unit/forge.c LIBS postern_auth_rules)
