add_unit_test(base64url LIBS postern_auth_rules)
add_unit_test(dispatch
  SOURCES unit/dispatch_rig.c ${PROJECT_SOURCE_DIR}/auth/dispatch.c ${PROJECT_SOURCE_DIR}/auth/answers.c
    ${PROJECT_SOURCE_DIR}/auth/questions.c ${PROJECT_SOURCE_DIR}/auth/question_login.c ${PROJECT_SOURCE_DIR}/auth/control.c
  LIBS postern_auth_rules)
add_unit_test(failures LIBS postern_auth_rules)
add_unit_test(grant LIBS postern_auth_rules)
add_unit_test(keyring SOURCES unit/forge.c LIBS postern_auth_rules)
add_unit_test(login LIBS postern_auth_rules)
add_unit_test(peers LIBS postern_auth_rules)
add_unit_test(token SOURCES unit/forge.c unit/token_rig.c LIBS postern_auth_rules)
add_unit_test(token_claims SOURCES unit/forge.c unit/token_rig.c LIBS postern_auth_rules)
add_unit_test(users LIBS postern_auth_rules)
