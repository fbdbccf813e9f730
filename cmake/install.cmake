# What `cmake --install` puts where. The Ruby side is inside the program.
install(TARGETS gorgon RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/gorgon.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
