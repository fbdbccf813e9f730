# frozen_string_literal: true

# What Bundler.require loads on a project's behalf: names only. The work is done by the program, see exe/gorgon.
require_relative 'gorgon/default_callbacks'
